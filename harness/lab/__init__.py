"""One server with its database, workers and deployer, and the client that asks it."""
