"""`hubbub backup` and `hubbub restore`: the whole service in one file.

An archive is a plain tar. Its members, in this order: `VERSION`; `tables/<name>.tsv.gz`, what COPY gives for each
table; `configuration.json`, the stored settings in force; `store/…`, the files; `SHA256SUMS`, which names all of these;
`manifest.json`, what there should be; and `manifest.json.sha256`. `tar` and `sha256sum -c` are enough to look into one.

`tar.py` writes and reads members, `archive.py` says what they hold, `tables.py` copies tables, `contents.py` knows
which files the database names, `taking.py` makes an archive and `part.py` the file for it, `checking.py` reads one
through, `restoring.py` writes one back, and `quiet.py` sees to it that nobody is using what is written over.

Decisions. The tables are read in one transaction, so they are of one moment; files follow it, and since a file is
stored before the row that names it, all that the rows name are there, unless they were deleted meanwhile, which the
manifest notes. Nothing is written by a restore before every byte of the archive was read and found right, and the
database is committed last. Sessions, tokens and secrets of the installation are part of a backup, so people stay signed
in and links stay valid. Jobs too: those under way may be done twice, as after the death of a node.
"""
