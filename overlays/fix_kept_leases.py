"""The server keeps leases of concurrency slots in files by default, so that a restart does not forget them."""

from ._edits import instead

RELEASES = ">=3.6.7,<3.10"
EDITS = ("prefect.settings.models.server.concurrency",)
FIXES = {"a-restart-cancels-a-run-that-is-being-started": "--scenario being-started --door server-restart"}
STORAGE = 'default="prefect.server.concurrency.lease_storage.{}",'


def edit(name, source):
    memory, files = STORAGE.format("memory"), STORAGE.format("filesystem")
    return instead(source, "ServerConcurrencySettings", memory, files)
