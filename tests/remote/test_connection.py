"""One connection serves many jobs, and is made again when it broke."""

from napari_motionseg.remote.connection import Connection


def test_a_connection_is_kept_until_it_is_closed(cluster):
    connection = Connection(cluster.scheduler_address)
    first = connection.client()
    assert connection.client() is first
    connection.close()
    connection.close()
    assert first.status == "closed"
    second = connection.client()
    assert second is not first
    second.close()  # as if it broke
    assert connection.client() is not second
    connection.close()
