from tests.api.document import FILE, made, openapi, written


def test_the_page_about_the_api_is_what_the_code_says() -> None:
    text = FILE.read_text()
    assert text == written(text, made(openapi())), "write it anew: python -m tests.api.document"


def test_every_get_of_a_list_has_pages() -> None:
    document = openapi()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if operation["operationId"].startswith("list"):
                assert {"limit", "cursor"} <= {parameter["name"] for parameter in operation["parameters"]}, path


def test_every_post_takes_an_idempotency_key() -> None:
    document = openapi()
    for path, methods in document["paths"].items():
        if "post" in methods:
            assert "Idempotency-Key" in {parameter["name"] for parameter in methods["post"]["parameters"]}, path
