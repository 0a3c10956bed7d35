"""The way in over HTTP: router, decoding of requests by type, errors as API v4's JSON, headers and limits, OpenAPI."""
