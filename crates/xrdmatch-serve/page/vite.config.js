// One page, one script, one style, under fixed names: what is built is committed and stands in the
// program, so it must come out the same everywhere. Not minified, so that changes to it can be read.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    minify: false,
    modulePreload: false,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rollupOptions: {
      output: { entryFileNames: "page.js", assetFileNames: "page[extname]" },
    },
  },
});
