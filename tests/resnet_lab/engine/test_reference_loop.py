"""Speed changes no result: in float32 both engines lose what a plain loop loses, step by step."""

import pytest
import torch
import torch.nn.functional as F

from resnet_lab.data.augment import draw, normalise
from resnet_lab.data.load import load
from resnet_lab.engine.graph_capture import NoCapture
from resnet_lab.engine.initialise import initialise
from resnet_lab.engine.precision import be_deterministic
from resnet_lab.engine.session import Session
from resnet_lab.networks import build_network
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 20
SPEC = replace(
    RunSpec(),
    {
        # Rounding grows from step to step, faster in deeper nets: these leave 20 steps of it below a millionth.
        "model.depth": 8,
        "model.width": 8,
        "data.name": "digits",
        "data.train_images": 320,
        "recipe.batch_size": 32,
        "recipe.iterations": STEPS,  # two epochs
        "recipe.lr": 0.01,
        "recipe.schedule": "constant",
        "recipe.crop_padding": 1,
        "recipe.precision": "fp32",
    },
)


@pytest.fixture(autouse=True)
def deterministic(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    flags = (torch.backends.cudnn, "deterministic"), (torch.backends.cudnn, "benchmark")
    flags += (torch.backends.cudnn, "allow_tf32"), (torch.backends.cuda.matmul, "allow_tf32")
    before = [getattr(*flag) for flag in flags]
    be_deterministic()
    yield
    torch.use_deterministic_algorithms(False)
    for (owner, name), value in zip(flags, before, strict=True):
        setattr(owner, name, value)


def plain_losses(data, device):
    """The usual loop, image by image: no code of the engine but the network, its weights and what is drawn."""
    model = build_network(SPEC.model, channels=1, classes=10)
    initialise(model, SPEC.seed)
    model.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
    losses, batch = [], SPEC.recipe.batch_size
    border = int((255 * data.mean).round())
    for step in range(STEPS):
        epoch, first = divmod(step * batch, len(data.train))
        drawn = draw(len(data.train), SPEC.recipe, seed=SPEC.seed, epoch=epoch)
        images = []
        for i in range(first, first + batch):
            image = F.pad(data.train.pixels[drawn.order[i], :, :, 0], (1, 1, 1, 1), value=border)
            image = image[drawn.dy[i] : drawn.dy[i] + 8, drawn.dx[i] : drawn.dx[i] + 8]
            images.append(image.flip(1) if drawn.flip[i] else image)
        x = (torch.stack(images)[:, None].float() / 255 - data.mean) / data.std
        if device.type == "cuda":  # whose rounding of a pixel would grow beyond a millionth
            x = normalise(torch.stack(images)[..., None], data.mean, data.std)
        y = data.train.labels[drawn.order[first : first + batch].to(device)]
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def engine_losses(session):
    """Return the loss of each step: one step per call would draw the epoch again, so the steps are recorded."""
    losses, run = [], type(session.runner.train_step).run

    def recorded(train_step, x, y):
        loss, logits = run(train_step, x, y)
        losses.append(loss.item())
        return loss, logits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(session.runner.train_step), "run", recorded)
        while not session.done:
            session.run_epoch()
    return losses[-STEPS:]  # before them, a captured session warms up


@pytest.mark.parametrize("capture", [None, NoCapture()], ids=["eager", "captured"])
def test_twenty_losses_equal_a_plain_loops_to_a_millionth(capture):
    data, cpu = load(SPEC.data), torch.device("cpu")
    losses = engine_losses(Session(SPEC, data, cpu, capture=capture))
    assert len(losses) == STEPS
    assert losses[-1] < losses[0]
    assert losses == pytest.approx(plain_losses(data, cpu), abs=1e-6)


@pytest.mark.cuda
def test_a_graphs_epoch_equals_a_plain_loops_on_the_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    device = torch.device("cuda")
    data = load(SPEC.data, device=device)
    session, plain = Session(SPEC, data, device), plain_losses(data, device)
    for half in (plain[: STEPS // 2], plain[STEPS // 2 :]):
        assert session.run_epoch().train_loss == pytest.approx(sum(half) / len(half), abs=1e-6)
