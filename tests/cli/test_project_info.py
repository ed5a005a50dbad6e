"""`motionseg project info` lists loops, layers and networks."""


def test_info_says_what_there_is(motionseg, painted):
    folder, _ = painted
    answer = motionseg("project", "info", folder, "--check")
    assert answer.code == 0
    assert answer.out.splitlines() == [
        "loop loop: 8 frames of 96 x 96, there",
        "labels my labels: on 1 frames of loop",
    ]
    loop, layer = motionseg("project", "info", folder, "--json").rows
    assert loop["state"] == "there"
    assert layer["frames"] == [3]
