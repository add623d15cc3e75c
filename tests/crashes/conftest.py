from tests.e2e.conftest import matrix_product, netbox_template, serve  # noqa: F401  fixtures
