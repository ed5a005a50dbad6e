from napari_motionseg.jobs.frame_queue import FrameQueue


def test_frames_come_in_their_order_until_one_is_asked_for():
    waiting = FrameQueue([4, 0, 1, 2, 3, 5])
    assert waiting.next_frame == 4
    assert waiting.take(2) == [4, 0]
    waiting.prioritize(3)
    assert waiting.next_frame == 3
    assert waiting.take(3) == [3, 2, 5]  # 4 is taken, 5 and 1 are as far; later first
    assert waiting.take(3) == [1]
    assert (len(waiting), waiting.next_frame, waiting.take()) == (0, None, [])


def test_of_two_frames_that_are_as_near_the_later_comes_first():
    waiting = FrameQueue(range(5))
    waiting.prioritize(2)
    assert waiting.take(5) == [2, 3, 1, 4, 0]


def test_only_frames_are_heard():
    waiting = FrameQueue(range(5))
    for signal in (None, "stop"):
        waiting.hear(signal)
        assert waiting.next_frame == 0
    waiting.hear(4)
    assert waiting.take(2) == [4, 3]
