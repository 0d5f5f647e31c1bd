import gc

from rest_framework.response import Response

from klix_site.renderers import FreeingJSONRenderer


class Value(list[int]):
    """Told from what else waits for the collector."""


def test_an_answer_that_was_written_and_dropped_leaves_nothing_to_the_garbage_collector() -> None:
    def answer() -> bytes:
        response = Response({"results": Value([1, 2])})
        response.accepted_renderer, response.accepted_media_type = FreeingJSONRenderer(), "application/json"
        vars(response)["renderer_context"] = {"view": None}  # as a view does; its type tells nothing of it
        return bytes(response.render().content)

    gc.collect()
    gc.disable()
    try:
        assert answer() == b'{"results":[1,2]}'
        assert not [each for each in gc.get_objects() if type(each) is Value]
    finally:
        gc.enable()
