// Shows a segmentation over its loop in cornerstone3D, and counts its marked pixels.
import * as cs from '@cornerstonejs/core';
import * as tools from '@cornerstonejs/tools';
import * as loader from '@cornerstonejs/dicom-image-loader';
import { adaptersSEG } from '@cornerstonejs/adapters';

const { Segmentation } = adaptersSEG.Cornerstone3D;

// What a viewer knows from the archive; the loader gives no UID of a multi-frame file.
function knowTheLoop(loop) {
  cs.metaData.addProvider((type, id) => {
    if (typeof id !== 'string' || !id.includes('loop.dcm')) return undefined;
    if (type === 'generalImageModule') return { sopInstanceUID: loop.uid };
    if (type === 'instance') {
      return { SOPInstanceUID: loop.uid, Rows: loop.rows, Columns: loop.columns };
    }
    return undefined;
  }, 1e6);
}

async function show(name, frame) {
  await cs.init();
  await loader.init({ maxWebWorkers: 1 });
  await tools.init();
  const loop = await (await fetch('/data/loop.json')).json();
  knowTheLoop(loop);
  const base = `wadouri:${location.origin}/data/loop.dcm`;
  const ids = Array.from({ length: loop.frames }, (_, k) => `${base}?frame=${k + 1}`);
  for (const id of ids) await cs.imageLoader.loadAndCacheImage(id);
  const engine = new cs.RenderingEngine('engine');
  const element = document.getElementById('view');
  engine.enableElement({ viewportId: 'v', type: cs.Enums.ViewportType.STACK, element });
  const viewport = engine.getViewport('v');
  await viewport.setStack(ids, frame);
  const buffer = await (await fetch(`/data/${name}`)).arrayBuffer();
  const found = await Segmentation.createFromDICOMSegBuffer(ids, buffer, {
    metadataProvider: cs.metaData,
  });
  const images = found.labelMapImages[0];
  const { Labelmap } = tools.Enums.SegmentationRepresentations;
  const data = { imageIds: images.map((image) => image.imageId) };
  const representation = { type: Labelmap, data };
  tools.segmentation.addSegmentations([{ segmentationId: 's', representation }]);
  await tools.segmentation.addLabelmapRepresentationToViewport('v', [
    { segmentationId: 's' },
  ]);
  viewport.render();
  await new Promise((done) => setTimeout(done, 1500));
  return images.map((image) =>
    image.voxelManager.getScalarData().reduce((sum, value) => sum + (value > 0), 0),
  );
}

window.show = (name, frame) =>
  show(name, frame).then(
    (pixels) => ({ pixels, error: '' }),
    (error) => ({ pixels: [], error: error.message }),
  );
