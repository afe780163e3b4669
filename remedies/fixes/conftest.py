"""The fixtures of Prefect's own suite that the tests here use, as they are named."""

import datetime
import uuid

import httpx
import pytest

from prefect.server import models, schemas
from prefect.server.api.server import create_app
from prefect.server.database import provide_database_interface


@pytest.fixture(scope="session")
async def db():
    db = provide_database_interface()
    await db.create_db()
    yield db
    await (await db.engine()).dispose()


@pytest.fixture
async def session(db):
    async with await db.session() as session:
        yield session


@pytest.fixture
async def client(db):
    transport = httpx.ASGITransport(app=create_app(ephemeral=True))
    async with httpx.AsyncClient(
        transport=transport, base_url="https://test/api"
    ) as client:
        yield client


@pytest.fixture
async def flow(session):
    flow = schemas.core.Flow(name=f"my-flow-{uuid.uuid4()}")
    model = await models.flows.create_flow(session=session, flow=flow)
    await session.commit()
    return model


@pytest.fixture
async def deployment(session, flow):
    schedule = schemas.schedules.IntervalSchedule(
        interval=datetime.timedelta(days=1), anchor_date=datetime.datetime(2020, 1, 1)
    )
    model = await models.deployments.create_deployment(
        session=session,
        deployment=schemas.core.Deployment(
            name=f"my-deployment-{uuid.uuid4()}",
            flow_id=flow.id,
            schedules=[schemas.core.DeploymentSchedule(schedule=schedule, active=True)],
        ),
    )
    await session.commit()
    return model
