"""Storage: tables, encryption at rest, transactions, migrations. SQLite by default, PostgreSQL by URL."""
