"""What stands behind links: previews of pages and pictures below posts, and what clients ask about addresses.

Tables: link_previews, and the column `preview` of posts. `fetcher.py` gets one address and `html.py` or `pictures.py`
read what came; `service.py` remembers that and makes the previews of posts, in jobs that `listeners.py` plans, since a
post must not wait for other people's servers. `image_proxy.py` hands pictures on.

The surprise: a post whose preview came is a changed one with a newer update_at, because clients pass over what they
think they have; it is not an edited one. Posts that link to other posts here show these by posts/permalinks.py.
"""
