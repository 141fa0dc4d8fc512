"""The embedded stack: Postgres, MinIO, Trino and Airflow as supervised local processes.

``stack.up`` brings it up, ``stack.down`` stops it; every other file is one concern of the two. All state is under
``settings.home``; unpacked servers are under ``settings.cache`` and shared by every stack of the project.
"""
