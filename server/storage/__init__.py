"""Where files are kept: `blobs.py` stores bytes under paths, in a directory or in S3; `pictures.py` makes small
pictures of people and teams, `previews.py` those of uploaded files, in processes of their own (`picture_process.py`).
Paths are made by the features, like "users/<id>/profile.png", never by clients.
"""
