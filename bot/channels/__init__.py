"""How messages come in and replies go out: one module a channel.

``web`` is the chat of the website, over HTTP and server-sent events; ``problem`` errors as JSON; ``rate_limit`` how
fast one visitor may write.
"""
