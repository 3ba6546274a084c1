"""OAuth: its services."""

from orchestrator.oauth.v1 import oauth_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis import declarations
from server.apis.oauth.authorize import AuthorizationPages
from server.apis.oauth.issuer import Issuer
from server.apis.oauth.password import PasswordPage
from server.apis.oauth.servicer import OAuthServicer
from server.apis.oauth.tokens import Tokens
from server.core.identity.access_tokens import signing_secret
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    clients, codes, logins = use_cases.oauth_clients, use_cases.authorization_codes, use_cases.logins
    hosts = [host for each in declarations() for host in each.hosts]
    issuer = Issuer(settings.public_url, hosts, settings.operations_port)
    pages = AuthorizationPages(clients, codes, logins, use_cases.users, issuer=issuer, secret=signing_secret(settings))
    password = PasswordPage(use_cases.password_resets, logins)
    tokens = Tokens(clients, codes, logins, use_cases.client_tokens)
    servicer = OAuthServicer(tokens, pages, password, use_cases.signing_keys, issuer)
    return [(oauth_service_pb2.DESCRIPTOR.services_by_name["OAuthService"], servicer)]
