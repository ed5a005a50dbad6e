from napari_motionseg.embedding.embedding_order import next_frame, outward


def everything(t, frames, room, disk=True):
    """Follow the plan to its end."""
    memory, kept, done = set(), set(), []
    while True:
        on_disk = kept.__contains__ if disk else None
        found = next_frame(t, frames, room, memory.__contains__, on_disk)
        if found is None:
            return done
        frame, stays = found
        assert frame not in [f for f, _ in done]
        done.append(found)
        (memory if stays else kept).add(frame)


def test_nearest_first_later_before_earlier():
    assert outward(2, 5) == [2, 3, 1, 4, 0]
    assert outward(0, 1) == [0]


def test_all_stay_where_there_is_room():
    assert everything(3, 5, 9) == [
        (3, True),
        (4, True),
        (2, True),
        (1, True),
        (0, True),
    ]


def test_far_frames_wait_on_disk():
    assert everything(1, 5, 2) == [
        (1, True), (2, True), (0, False), (3, False), (4, False),
    ]  # fmt: skip


def test_without_a_disk_far_frames_are_left_alone():
    assert everything(1, 5, 2, disk=False) == [(1, True), (2, True)]


def test_a_limit_below_one_frame_still_does_the_frame_that_is_shown():
    assert everything(4, 6, 0, disk=False) == [(4, True)]
