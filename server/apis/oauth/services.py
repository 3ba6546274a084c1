"""OAuth: its services."""

from orchestrator.oauth.v1 import oauth_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.oauth.tokens import OAuthServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    return [(oauth_service_pb2.DESCRIPTOR.services_by_name["OAuthService"], OAuthServicer(use_cases.oauth_clients))]
