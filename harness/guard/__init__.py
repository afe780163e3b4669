"""Looks at a live Prefect server before and after a deploy, and makes anew what the deploy deleted.

It speaks to any server from 2.20 on by its REST API, and only reads unless it is asked to restore.
"""
