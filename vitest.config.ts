import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are what CI has; more workers only make the timing of real processes worse.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Tests look at what a command writes to the real streams.
    disableConsoleIntercept: true,
  },
})
