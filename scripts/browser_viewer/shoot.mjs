// usage: node shoot.mjs ADDRESS CHROMIUM SEG FRAME PICTURE; prints what was shown as JSON
import puppeteer from 'puppeteer-core';

const [address, chromium, seg, frame, picture] = process.argv.slice(2);
const software = ['--use-gl=angle', '--use-angle=swiftshader'];
const browser = await puppeteer.launch({
  executablePath: chromium,
  headless: true,
  args: ['--no-sandbox', '--enable-unsafe-swiftshader', ...software],
});
const page = await browser.newPage();
await page.setViewport({ width: 512, height: 512 });
await page.goto(address, { waitUntil: 'load' });
await page.waitForFunction('window.show', { timeout: 60000 });
const found = await page.evaluate((s, f) => window.show(s, f), seg, Number(frame));
await page.screenshot({ path: picture });
console.log(JSON.stringify({ ...found, browser: await browser.version() }));
await browser.close();
