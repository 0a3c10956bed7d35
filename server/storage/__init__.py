"""Where files are kept: `blobs.py` stores bytes under paths, in a directory or in S3.

`previews.py` makes small pictures and `texts.py` reads the texts of files, in processes of their own: `bounded.py` and
`forks.py` run them, and they are `forking_process.py` with `picture_process.py` or `text_process.py`. `pictures.py` has
why pictures are refused. Paths are made by the features, like "users/<id>/profile.png", never by clients.
"""
