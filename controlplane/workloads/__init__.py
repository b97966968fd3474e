"""The fleet mirror: containers, images, networks and volumes of all hosts, as last told.

Search, paging and filters happen in SQL. Rows are written from what agents say (snapshot, then numbered events) and by
nothing else. Silence is never deletion:
rows of a silent host stay, marked stale, with the time they were true.
"""
