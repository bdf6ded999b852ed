// The latent plane: the reader moves a point, and a decoder draws what lies there.
// The model runs in the page (onnxruntime-web, wasm, one thread). Everything comes by
// script tag, because a page that was opened from a disk may fetch nothing.
{
  const home = new URL(".", document.currentScript.src);

  const script = (path) =>
    new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = new URL(path, home);
      tag.onload = resolve;
      tag.onerror = () => reject(new Error(`cannot load ${tag.src}`));
      document.head.append(tag);
    });

  // A file that _ext/aigc_book/vendor.py packed: gzip, then base64.
  const unpack = async (folder, name) => {
    await script(`${folder}/${name}.js`);
    const zipped = await fetch(`data:;base64,${packed[name]}`);
    delete packed[name];
    const plain = zipped.body.pipeThrough(new DecompressionStream("gzip"));
    return new Response(plain).arrayBuffer();
  };

  let runtime; // one for all planes of the page
  const start = async () => {
    const [mjs, wasm] = await Promise.all([
      unpack("vendor", "ort-wasm-simd-threaded.mjs"),
      unpack("vendor", "ort-wasm-simd-threaded.wasm"),
      script("vendor/ort.js"),
    ]);
    const blob = new Blob([mjs], { type: "text/javascript" });
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(blob) };
    ort.env.wasm.wasmBinary = wasm;
  };

  const enliven = async (plane) => {
    runtime ??= start();
    const [model] = await Promise.all([
      unpack("demos", `${plane.dataset.demo}.onnx`),
      runtime,
    ]);
    const session = await ort.InferenceSession.create(model);
    const limit = Number(plane.dataset.limit);
    const point = document.createElement("span");
    const drawn = document.createElement("div");
    const canvas = document.createElement("canvas");
    const place = document.createElement("output");
    point.className = "point";
    drawn.className = "drawn";
    drawn.append(canvas, place);

    // [x, y] -> pixels in [-1, 1] and their shape (1, 1, height, width)
    const decode = async (z) => {
      const tensor = new ort.Tensor("float32", Float32Array.from(z), [1, 2]);
      const out = await session.run({ [session.inputNames[0]]: tensor });
      return out[session.outputNames[0]];
    };

    const draw = async (z) => {
      const { data, dims } = await decode(z);
      [canvas.height, canvas.width] = dims.slice(2);
      const picture = new ImageData(canvas.width, canvas.height);
      data.forEach((value, i) => {
        const grey = Math.round((value + 1) * 127.5);
        picture.data.set([grey, grey, grey, 255], 4 * i);
      });
      canvas.getContext("2d").putImageData(picture, 0, 0);
      const text = z.map((c) => c.toFixed(2).replace("-", "−")).join(", ");
      place.textContent = `z = (${text})`;
      canvas.ariaLabel = `解码器在 ${place.textContent} 处画出的图`;
    };

    // While one picture is being drawn, only the last move is kept.
    let here = [0, 0];
    let drawing = null;
    const move = (x, y) => {
      here = [x, y].map((c) => Math.max(-limit, Math.min(limit, c)));
      point.style.left = `${50 + (50 * here[0]) / limit}%`;
      point.style.top = `${50 - (50 * here[1]) / limit}%`;
      drawing ??= (async () => {
        for (let z; z !== here; ) await draw((z = here));
      })().finally(() => (drawing = null));
      return drawing;
    };

    const follow = (event) => {
      const box = plane.getBoundingClientRect();
      move(
        ((event.clientX - box.left) / box.width - 0.5) * 2 * limit,
        (0.5 - (event.clientY - box.top) / box.height) * 2 * limit,
      );
    };
    plane.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      plane.setPointerCapture(event.pointerId);
      follow(event);
    });
    plane.addEventListener("pointermove", (event) => {
      if (plane.hasPointerCapture(event.pointerId)) follow(event);
    });
    const ways = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    plane.addEventListener("keydown", (event) => {
      const way = ways[event.key];
      if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault(); // the page stays where it is
      const step = event.shiftKey ? 0.5 : 0.1;
      move(here[0] + step * way[0], here[1] + step * way[1]);
    });

    canvas.role = "img";
    plane.tabIndex = 0;
    plane.role = "application"; // a screen reader hands it the arrow keys
    plane.ariaLabel = "潜平面：拖动圆点，或用方向键移动";
    plane.querySelector("img").draggable = false;
    plane.append(point);
    await move(0, 0);
    plane.after(drawn);
    plane.decode = decode; // for the tests
    plane.dataset.ready = "";
  };

  addEventListener("DOMContentLoaded", () => {
    const watch = new IntersectionObserver(
      (entries) => {
        for (const { target } of entries.filter((e) => e.isIntersecting)) {
          watch.unobserve(target);
          enliven(target).catch(console.error); // the picture stays
        }
      },
      { rootMargin: "400px" },
    );
    document.querySelectorAll(".latent-plane .plane").forEach((p) => watch.observe(p));
  });
}
