"""Servers and processes for the tests of the projects.

A test without its server is skipped.
"""

from pathlib import Path

import pytest

from benchmarks import servers
from benchmarks.forked import Program


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """What runs the functions of ``worker.py`` in processes that start at once."""
    log, here = tmp_path_factory.mktemp("program") / "log", Path(__file__).parent
    with Program("worker", "dbos", log=log, folder=here) as program:
        yield program


@pytest.fixture(scope="session")
def postgres():
    """The URL of a PostgreSQL of this session."""
    try:
        with servers.postgres(hasty=True) as url:
            yield url
    except servers.Missing as reason:
        pytest.skip(f"not run, because {reason}")


@pytest.fixture
def postgres_url(postgres):
    """The URL of an empty database."""
    import secrets

    sql = pytest.importorskip("sqlalchemy")
    name = f"test_{secrets.token_hex(4)}"
    whole = sql.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with whole.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgres.rpartition("/")[0] + f"/{name}"
    with whole.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    whole.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'project.sqlite'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture(scope="session")
def s3_store():
    """The URL of an S3 store of this session."""
    try:
        with servers.s3() as url:
            yield url
    except servers.Missing as reason:
        pytest.skip(f"not run, because {reason}")


@pytest.fixture
def s3_url(s3_store, monkeypatch):
    """The URL of an empty S3 store."""
    import secrets

    for name, value in servers.KEYS.items():
        monkeypatch.setenv(name, value)
    return s3_store.replace("/blobs?", f"/{secrets.token_hex(4)}?")
