import numpy as np
import pytest

from sim3d.render.mesh import box, cylinder, disc, line

MESHES = {
    "disc": disc(0.3),
    "line": line(np.array([0.0, 0.0]), np.array([1.0, -2.0]), width=0.1, piece=0.2),
    "cylinder": cylinder(0.2, 0.5),
    "box": box(np.array([0.1, 0.2, 0.3])),
}


@pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES)
def test_every_triangle_faces_the_way_its_normals_point(mesh):
    first, second, third = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    facing = np.cross(second - first, third - first)
    for corner in range(3):
        assert (np.sum(facing * mesh.normals[mesh.triangles[:, corner]], axis=1) > 0).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0)


def _area(mesh):
    first, second, third = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    return 0.5 * np.linalg.norm(np.cross(second - first, third - first), axis=1).sum()


def test_meshes_have_the_area_of_what_they_stand_for():
    assert _area(MESHES["disc"]) == pytest.approx(np.pi * 0.3**2, rel=0.01)
    assert _area(MESHES["line"]) == pytest.approx(0.1 * np.sqrt(5))
    assert _area(MESHES["cylinder"]) == pytest.approx(np.pi * 0.2**2 + 2 * np.pi * 0.2 * 0.5, rel=0.01)
    assert _area(MESHES["box"]) == pytest.approx(2 * (0.1 * 0.2 + 0.2 * 0.3 + 0.3 * 0.1))


def test_solids_are_centred_and_of_their_size():
    for name, half in (("cylinder", (0.2, 0.2, 0.25)), ("box", (0.05, 0.1, 0.15))):
        assert MESHES[name].vertices.max(axis=0) == pytest.approx(half)
        assert MESHES[name].vertices.min(axis=0) == pytest.approx(np.negative(half))
