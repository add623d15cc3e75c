"""Password hashes as Unix keeps them: SHA-512 crypt (`$6$`), for systems that take a hash in place of a password.

After Ulrich Drepper's specification "Unix crypt using SHA-256 and SHA-512", which the `crypt` of every Linux follows; Python had
it in `crypt` until 3.12.
"""

import hashlib
import hmac

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5_000
_MAX_SALT = 16


def sha512_crypt(password: str, salt: str) -> str:
    """`$6$salt$hash` with the default 5,000 rounds. The salt (at most 16 characters count) must be random and without `$`."""
    salt = salt[:_MAX_SALT]
    if not salt or "$" in salt:
        raise ValueError("a salt is 1 to 16 characters without a dollar sign")
    return f"$6${salt}${_encoded(_digest(password.encode(), salt.encode()))}"


def matches(password: str, stored: str) -> bool:
    """Whether the password has this hash; a hash of another kind, or with other rounds, matches nothing."""
    parts = stored.split("$")
    if len(parts) != 4 or parts[:2] != ["", "6"] or not parts[2]:
        return False
    return hmac.compare_digest(sha512_crypt(password, parts[2]).encode(), stored.encode())


def _digest(password: bytes, salt: bytes) -> bytes:
    alternate = hashlib.sha512(password + salt + password).digest()
    first = hashlib.sha512(password + salt + _stretched(alternate, len(password)))
    length = len(password)
    while length:
        first.update(alternate if length & 1 else password)
        length >>= 1
    result = first.digest()
    p = _stretched(hashlib.sha512(password * len(password)).digest(), len(password))
    s = _stretched(hashlib.sha512(salt * (16 + result[0])).digest(), len(salt))
    for number in range(_ROUNDS):
        step = hashlib.sha512(p if number & 1 else result)
        if number % 3:
            step.update(s)
        if number % 7:
            step.update(p)
        step.update(result if number & 1 else p)
        result = step.digest()
    return result


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Base 64 of crypt: three bytes at a time in an order of its own, low bits first."""
    text: list[str] = []
    a, b, c = 0, 21, 42
    for _ in range(21):
        text.append(_sextets(digest[a] << 16 | digest[b] << 8 | digest[c], 4))
        a, b, c = b + 1, c + 1, a + 1
    return "".join(text) + _sextets(digest[63], 2)


def _sextets(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 0x3F] for place in range(count))
