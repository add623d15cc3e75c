"""Multipart forms (RFC 7578), as MultipartHttpPushUri takes them."""

from email.parser import BytesParser
from email.policy import HTTP

from lab.virtual.bmc.messages import refuse
from lab.virtual.bmc.routing import Files


def form_parts(content_type: str, raw: bytes) -> Files:
    """Parts by name. Raises 400 if it cannot be read as a form."""
    header = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed = BytesParser(policy=HTTP).parsebytes(header + raw)
    if not parsed.is_multipart() or parsed.defects:
        raise refuse(400, "MissingOrMalformedPart")
    parts: Files = {}
    for part in parsed.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise refuse(400, "MissingOrMalformedPart")
        parts[name] = (part.get_filename() or name, content)
    return parts
