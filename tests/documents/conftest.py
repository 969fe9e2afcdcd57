import io
import zipfile
from collections.abc import Callable, Sequence

import pytest
from reportlab.pdfgen import canvas

Pdf = Callable[..., bytes]
Zip = Callable[[dict[str, str | bytes]], bytes]

CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _zip(entries: dict[str, str | bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return target.getvalue()


@pytest.fixture
def make_zip() -> Zip:
    return _zip


@pytest.fixture
def make_pdf() -> Pdf:
    """Builds a PDF: a page of lines, a scan for None, a page with nothing on it for an empty list."""

    def make(pages: Sequence[list[str] | None], password: str | None = None) -> bytes:
        from PIL import Image
        from reportlab.lib.utils import ImageReader

        target = io.BytesIO()
        sheet = canvas.Canvas(target, encrypt=password, invariant=True)
        for lines in pages:
            if lines is None:
                sheet.drawImage(ImageReader(Image.new("L", (40, 40), 200)), 72, 400, 200, 200)
            for row, line in enumerate(lines or ()):
                sheet.drawString(72, 750 - 14 * row, line)
            sheet.showPage()
        sheet.save()
        return target.getvalue()

    return make


@pytest.fixture
def make_epub() -> Callable[..., bytes]:
    """Builds an EPUB from chapter file names and their XHTML bodies; extra entries override."""

    def make(chapters: dict[str, str], **extra: str | bytes) -> bytes:
        items = "".join(
            f'<item id="c{number}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
            for number, name in enumerate(chapters)
        )
        order = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
        package = (
            '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            f"<manifest>{items}</manifest><spine>{order}</spine></package>"
        )
        page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{}</body></html>'
        entries: dict[str, str | bytes] = {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": package,
        }
        entries |= {f"OEBPS/{name}": page.format(body) for name, body in chapters.items()}
        return _zip(entries | extra)

    return make


@pytest.fixture
def make_docx() -> Callable[..., bytes]:
    """Builds a Word file from the XML of its body; extra entries override."""

    def make(body: str, **extra: str | bytes) -> bytes:
        relations = "http://schemas.openxmlformats.org/package/2006/relationships"
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        entries: dict[str, str | bytes] = {
            "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
            "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="word/document.xml"/></Relationships>',
            "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        }
        return _zip(entries | extra)

    return make
