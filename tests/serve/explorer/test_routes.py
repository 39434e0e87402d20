"""What the page is sent, over the application."""

import asyncio
import time

import httpx
import numpy as np
import pytest

from lowerbound.serve.app import app
from lowerbound.serve.explorer.files import files
from lowerbound.serve.explorer.latents import Latents
from lowerbound.serve.limits import Limits


def answers(service, *asked, limits=None, **headers):
    """The answer of each path, once the codes are computed."""

    async def found():
        application = app(service, limits)
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            end = time.monotonic() + 60
            while (await client.get("/explorer/scene")).status_code == 503 and time.monotonic() < end:
                await asyncio.sleep(0.02)
            got = [await client.get(path, headers=headers) for path in asked]
        application.close()
        return got

    return asyncio.run(found())


def test_the_page_and_its_files(of_images):
    page, *rest = answers(of_images, "/", *(f"/static/{name}" for name in files()))
    assert page.content == files()["index.html"].content
    for answer, file in zip(rest, files().values(), strict=True):
        assert (answer.status_code, answer.content) == (200, file.content)
        assert answer.headers["content-type"] == file.media_type
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")


@pytest.mark.parametrize("name", ["../app.py", "%2e%2e/app.py", "..%5capp.py", "main.js%00", "none.js", ""])
def test_there_are_no_other_files(of_images, name):
    (answer,) = answers(of_images, f"/static/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


def test_a_file_that_is_there_is_not_sent_again(of_images):
    (first,) = answers(of_images, "/static/main.js")
    (again,) = answers(of_images, "/static/main.js", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_molecules_are_drawn_as_lines_that_the_page_makes_elements_of(of_molecules):
    scene, drawn = answers(of_molecules, "/explorer/scene", "/explorer/molecules?smiles=NCCO&smiles=C(C")
    assert [column["molecules"] for column in scene.json()["columns"]] == [True, False]
    amine, none = drawn.json()
    assert none is None
    assert {ink for ink, _, _ in amine["lines"]} == {"ink", "nitrogen", "oxygen"}
    assert all(path.startswith("M ") and wide >= 0 for _, wide, path in amine["lines"])


@pytest.mark.parametrize("query", ["", "&".join(["smiles=C"] * 65), f"smiles={'C' * 1001}"])
def test_no_and_too_many_and_too_long_molecules_are_refused(of_molecules, query):
    (answer,) = answers(of_molecules, f"/explorer/molecules?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "smiles"


def test_points_are_float32_and_colours_bytes(of_images):
    scene, points, legend, values, row, contours = answers(
        of_images,
        "/explorer/scene",
        "/explorer/points?basis=latent&across=2&up=0",
        "/explorer/colours/label",
        "/explorer/colours/label/points",
        "/explorer/rows/5",
        "/explorer/contours?basis=principal&across=0&up=1",
        limits=Limits(points=30),
    )
    latents = Latents.of_service(of_images, most=30)
    assert scene.json()["points"] == 30
    assert [basis["name"] for basis in scene.json()["bases"]] == ["principal", "latent"]
    found = np.frombuffer(points.content, "<f4").reshape(-1, 2)
    np.testing.assert_array_equal(found, latents.codes[:, [2, 0]])
    labels = of_images.source.labels[latents.order]
    assert legend.json()["names"] == ["0", "1", "2"]
    np.testing.assert_array_equal(np.frombuffer(values.content, np.uint8), labels)
    assert row.json()["number"] == latents.order[5]
    np.testing.assert_array_equal(row.json()["row"], of_images.source.x[latents.order[5]])
    assert {*contours.json()} == {"prior", "posterior"}


def test_rows_of_a_table_are_records(of_table):
    row, legend = answers(of_table, "/explorer/rows/0", "/explorer/colours/2")
    assert [*row.json()["row"]] == ["mass", "color", "born", "one"]
    assert legend.json()["ends"][0].startswith("2001-")


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("points?basis=other", 422, "basis"),
        ("points?basis=latent&across=3", 422, "across"),
        ("contours?basis=latent&up=-1", 422, "up"),
        ("contours?up=1e9", 422, "up"),
        ("colours/none", 404, "key"),
        ("colours/..%2f..%2fx", 404, None),
        ("rows/40", 404, "place"),
        ("rows/-1", 404, None),
        ("none", 404, None),
    ],
)
def test_what_is_not_there_is_refused(of_images, path, status, field):
    (answer,) = answers(of_images, f"/explorer/{path}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
