"""A Dask cluster on this computer, for all tests of remote jobs."""

import pytest


@pytest.fixture(scope="module")
def cluster():
    """One worker in a thread of this process."""
    from napari_motionseg.remote import hosted_job

    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address="127.0.0.1:0",
    ) as made:
        yield made
    for runner in hosted_job._RUNNERS.values():
        runner.release()  # the process that stands ready for the next job


@pytest.fixture(scope="module")
def killable():
    """Two workers in processes of their own, which may be killed."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
    ) as made:
        yield made
