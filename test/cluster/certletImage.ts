// The product's image for this machine's processor, from the bundle that is tested. It is made once for a bundle and
// kept beside it: packing Node takes a quarter of a minute.
import { existsSync } from "node:fs"
import { readFile, rename, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { certletImage as makeImage } from "../../k8s/image/certletImage.ts"
import { hostArchitecture } from "../../k8s/image/ociImage.ts"

/** The image with this bundle, as an archive. Another mark makes another image of it: the next release's. */
export const certletImage = async (program: string, mark = ""): Promise<Buffer> => {
  const dist = dirname(program)
  const file = join(dist, `image${mark}.tar`)
  if (existsSync(file)) return readFile(file)
  const environment = mark === "" ? [] : [`RELEASE=${mark}`]
  const { bytes } = await makeImage({ architectures: [hostArchitecture], dist, environment })
  await writeFile(`${file}.partial`, bytes)
  await rename(`${file}.partial`, file)
  return bytes
}
