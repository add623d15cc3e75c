"""Which secret store and which artifact store: as the settings say. Nothing is opened yet."""

from domain.artifact import ArtifactStore
from domain.errors import Rejected
from domain.secret import SecretStore
from store.artifacts import ArtifactFolder
from store.https_artifacts import ArtifactsAddress, HttpsArtifacts
from store.secret_files import SecretFiles
from store.settings import StoreSettings
from store.vault import VaultAddress, VaultSecrets


class StoreIncomplete(Rejected):
    """A store is named and what it takes to use it is not."""

    kind = "store-incomplete"


def artifacts_from(settings: StoreSettings) -> ArtifactStore:
    """Over HTTPS where an address is set (a worker elsewhere), else the folder. Raises `StoreIncomplete`."""
    if not settings.artifacts_url:
        return ArtifactFolder(settings.artifacts_dir)
    if settings.artifacts_token_file is None:
        raise StoreIncomplete(
            "EDGEWRIGHT_ARTIFACTS_URL is set and EDGEWRIGHT_ARTIFACTS_TOKEN_FILE is not.",
            do="Put a token of this worker's own into a file: edgewright token create NAME --role operator "
            "--scope site:SITE",
        )
    return HttpsArtifacts(
        ArtifactsAddress(settings.artifacts_url, settings.artifacts_token_file, settings.artifacts_ca_file)
    )


def secrets_from(settings: StoreSettings) -> SecretStore:
    """Vault or OpenBao where an address is set, else files. Raises `StoreIncomplete`."""
    if not settings.vault_url:
        return SecretFiles(settings.secrets_dir)
    if settings.vault_token_file is None:
        raise StoreIncomplete(
            "EDGEWRIGHT_VAULT_URL is set and EDGEWRIGHT_VAULT_TOKEN_FILE is not.",
            do="Name the file that Vault Agent keeps a token in, or one with a token that you renew.",
        )
    return VaultSecrets(
        VaultAddress(
            url=settings.vault_url,
            token_file=settings.vault_token_file,
            mount=settings.vault_mount,
            prefix=settings.vault_prefix,
            namespace=settings.vault_namespace,
            ca_file=settings.vault_ca_file,
        )
    )
