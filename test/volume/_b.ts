import { Effect, Layer, Option, Redacted } from "effect"
import * as fs from "node:fs"
import * as NodeVolumeFS from "../../src/volume/NodeVolumeFS.ts"
import { VolumeFS } from "../../src/volume/VolumeFS.ts"
import * as M from "../../src/volume/NodeMounts.ts"
import * as F from "../../src/volume/NodeFolder.ts"
import { removeFiles } from "../../src/volume/NodeFileSwap.ts"
import { settings } from "./NodeScene.ts"
const N=150
const pct=(a:number[],p:number)=>(a.sort((x,y)=>x-y)[Math.floor(a.length*p)]??0).toFixed(3)
const bench=(name:string,f:(i:number)=>Effect.Effect<unknown,any,any>,n=N)=>Effect.gen(function*(){const t:number[]=[];for(let i=0;i<n;i++){const s=performance.now();yield* f(i);t.push(performance.now()-s)};console.log(name.padEnd(34),"p10",pct(t,.1),"p50",pct(t,.5),"p90",pct(t,.9))})
const root = fs.mkdtempSync("/tmp/certlet-bench-")
const target = (i:number)=>`${root}/pods/${i}/v/mount`
for(let i=0;i<N;i++)fs.mkdirSync(`${root}/pods/${i}/v/mount`,{recursive:true})
const place=(i:number)=>({target:target(i),mountFlags:[],group:Option.none()})
const set=["tls.crt","tls.key","ca.crt"].map((name,i)=>({name,content:Redacted.make(new Uint8Array(1000)),mode:0o440}))
const spot=(i:number)=>({action:"x",target:target(i),path:target(i),parent:{} as never})
const program = Effect.gen(function*(){
  const v = yield* VolumeFS
  for (let k=0;k<2;k++){
  yield* bench("mountTmpfs alone",i=>F.withFolder(spot(i),f=>M.mountTmpfs(spot(i),Option.getOrThrow(f),"certlet",["size=65536","noexec,nosuid,nodev","noswap","mode=0550"])))
  yield* bench("unmount alone",i=>M.unmount(spot(i)))
  }
  yield* bench("mount",i=>v.mount(place(i)))
  yield* bench("write",i=>v.write(place(i),set))
  yield* bench("removeFiles",i=>F.withFolder(spot(i),f=>removeFiles(spot(i),Option.getOrThrow(f))))
  yield* bench("unmount empty",i=>v.unmount(target(i)))
  yield* bench("mount",i=>v.mount(place(i)))
  yield* bench("write",i=>v.write(place(i),set))
  yield* bench("unmount full",i=>v.unmount(target(i)))
}).pipe(Effect.provide(NodeVolumeFS.layer.pipe(Layer.provide(settings({ volumeMedium: "tmpfs" })))))
await Effect.runPromise(program as Effect.Effect<void>)
fs.rmSync(root,{recursive:true})
