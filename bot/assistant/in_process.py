"""Custom actions in this process: no HTTP, no copy of the domain, no schema check of our own results.

Rasa calls custom actions through an ``EndpointConfig``. Ours runs the rasa_sdk classes of ``actions/`` directly. The
same classes run behind ``rasa run actions``, where Rasa checks every result against a JSON schema (50 ms a call); our
own results are checked by the tests instead.
"""

from __future__ import annotations

from typing import Any

from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection


class InProcessActions(EndpointConfig):
    """An action endpoint that is a method call."""

    def __init__(self, package: str = "actions") -> None:
        """Load every action of a package."""
        super().__init__(url="in-process:", enable_selective_domain=True)
        self._executor = ActionExecutor()
        self._executor.register_package(package)
        _trust_own_results()

    async def request(self, method: str = "post", subpath: str | None = None, **kwargs: Any) -> Any:
        """Run the action that ``json`` names and return what the action server would answer.

        Raises:
            ClientResponseError: with status 400 when the action rejects, as the action server does.
        """
        try:
            return await self._executor.run(kwargs["json"])
        except ActionExecutionRejection as rejection:
            body = f'{{"action_name": "{rejection.action_name}", "error": "rejected"}}'
            raise ClientResponseError(400, "rejected", body) from rejection


def _trust_own_results() -> None:
    """Leave out Rasa's schema check for in-process actions only."""
    if getattr(RemoteAction._validate_action_result, "skips_own", False):
        return
    check = RemoteAction._validate_action_result

    def validate(self: RemoteAction, result: dict[str, Any]) -> bool:
        return isinstance(self.action_endpoint, InProcessActions) or check(self, result)

    validate.skips_own = True  # type: ignore[attr-defined]
    RemoteAction._validate_action_result = validate
