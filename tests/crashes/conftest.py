from tests.e2e.conftest import matrix_product, serve  # noqa: F401  fixtures
