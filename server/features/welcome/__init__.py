"""What a browser finds at `/`: that the server is up, which nodes there are, how to connect, and the API reference.

Writes the table nodes. The page is one file without a build step; the reference is rendered in the browser from
/api/v4/openapi.json.
"""
