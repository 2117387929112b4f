/**
 * Settings for tests: those of a simulated node. A test changes what it is about.
 */
export { kubeSettings, simSettings as settings } from "../../src/testing/parts/simSettings.ts"
