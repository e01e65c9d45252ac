"""The model of the omni robot agrees with its spec, wherever a figure stands in both."""

import xml.etree.ElementTree as ElementTree

import pytest

from robots.spec import load_spec, robot_folder

SPEC = load_spec("omni")


@pytest.fixture(scope="module")
def link():
    model = ElementTree.parse(robot_folder("omni") / "omni.urdf").getroot()
    assert model.get("name") == "omni"
    (link,) = model.findall("link")
    return link


def test_the_body_that_touches_and_the_body_that_is_seen_have_the_radius_of_the_spec(link):
    for part in ("visual", "collision"):
        assert float(link.find(f"{part}/geometry/cylinder").get("radius")) == SPEC.radius


def test_mass_and_inertia_are_those_of_a_solid_cylinder(link):
    mass, radius = SPEC.mass, SPEC.radius
    height = float(link.find("collision/geometry/cylinder").get("length"))
    inertia = link.find("inertial/inertia")
    assert float(link.find("inertial/mass").get("value")) == mass
    assert float(inertia.get("ixx")) == pytest.approx(mass * (3 * radius**2 + height**2) / 12)
    assert inertia.get("iyy") == inertia.get("ixx")
    assert float(inertia.get("izz")) == pytest.approx(mass * radius**2 / 2)


def test_the_nose_lies_within_the_body_and_points_forward(link):
    nose = link.findall("visual")[1]
    x, y, _ = map(float, nose.find("origin").get("xyz").split())
    length, width, _ = map(float, nose.find("geometry/box").get("size").split())
    assert y == 0.0
    assert x > 0.0
    assert (x + length / 2) ** 2 + (width / 2) ** 2 < SPEC.radius**2
