import {defineConfig} from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are what CI has; more workers only make the timing of real processes worse.
    maxWorkers: 2,
    // Against hanging only: commands take seconds where the machine is busy with something else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests look at what a command writes to the real streams.
    disableConsoleIntercept: true,
  },
})
