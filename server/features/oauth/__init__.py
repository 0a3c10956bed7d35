"""OAuth 2: the server lets programs act for people who agreed, by authorisation code (with PKCE) or implicitly.

`routes.py` are apps and their settings, `flow_routes.py` the pages and addresses of the protocol (RFC 6749, 7636, 8414,
7591), `service.py` keeps apps, `flow_service.py` turns consent into codes and codes into tokens.
Writes oauth_apps, oauth_authorizations and oauth_grants. An access token is a session with `is_oauth`, so everything
that ends sessions ends it too. The surprise: the secret of an app is shown when it is made and never again.
"""
