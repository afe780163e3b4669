"""the database server is stopped (SIGINT: a fast shutdown), and started again."""

from __future__ import annotations

from harness.doors._deeds import by_deeds, in_turn
from harness.doors._door import SERVER, Door
from harness.words.names import POSTGRES

door = Door(
    in_turn(lambda treated: treated.database, "stop", "start"),
    by_deeds("database", "stop", "start"),
    reach=SERVER,
    control="none",
    database=POSTGRES,
)
