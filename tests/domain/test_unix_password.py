"""SHA-512 crypt against hashes that others made."""

import pytest

from domain.unix_password import matches, sha512_crypt

# The first is from Drepper's specification, the others are what `openssl passwd -6 -salt ...` (OpenSSL 3) prints.
KNOWN = [
    ("Hello world!", "saltstring",
     "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"),
    ("Hello world!", "saltstringsaltstring",
     "$6$saltstringsaltst$e.3mR68CqZEpesEX1HlFZT6sEanSOjM/b5UoDyDo00a8syek2cJldMjrbtKP86.FJvzluVR7nc3DNzelAwTxj."),
    ("EWSECRET-switch-Zero1-a-rather-long-password-with-more-than-sixty-four-bytes-in-it", "abcdefgh",
     "$6$abcdefgh$zMSKh/VyBYxRMvB/Ylkro1Yt.sYK8xU28LBbOMW2FHXuTBuu5oUJlgZLfTJVz9SP1lAI2PfO1sBgrXzECSlaI0"),
    ("ü", "x", "$6$x$oGDz02k8C58pV1uu5eZs.zFwkyaCDbSN7JchdstamOCaJAZHm1j7OK3Um4yQJNWV3WYbDxOQ751afEfOAfaDv1"),
]  # fmt: skip


@pytest.mark.parametrize(("password", "salt", "expected"), KNOWN)
def test_it_makes_the_hash_that_others_make(password: str, salt: str, expected: str) -> None:
    assert sha512_crypt(password, salt) == expected
    assert matches(password, expected)
    assert not matches(password + "x", expected)


@pytest.mark.parametrize(
    "stored", ["", "*", "$1$/ETjhZMJ$P73qhBZEYP20mKnRkhBol0", "$6$rounds=9$x$y", "$6$$y", "$6$x$ü"]
)
def test_a_hash_of_another_kind_matches_nothing(stored: str) -> None:
    assert not matches("", stored)


@pytest.mark.parametrize("salt", ["", "a$b"])
def test_a_salt_that_would_not_be_read_back_is_refused(salt: str) -> None:
    with pytest.raises(ValueError, match="salt"):
        sha512_crypt("x", salt)
