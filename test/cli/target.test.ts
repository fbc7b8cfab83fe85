import {expect, test} from 'vitest'
import {putContext} from '../../src/cli/contexts.js'
import {checkEndpoint, isLoopback} from '../../src/cli/endpoint.js'
import {resolveTarget} from '../../src/cli/target.js'
import {temporaryDirectory} from '../support/temporary.js'

const nothing = {endpointFlags: [], contextFlag: undefined}

test('a flag outranks the environment, which outranks the current context', async () => {
  const env = await withContexts('current', 'other', 'named')
  const both = {...env, RAFTCTL_ENDPOINTS: '10.9.9.9:1, 10.9.9.8:1', RAFTCTL_CONTEXT: 'named'}

  const byEndpoint = await resolveTarget({
    endpointFlags: ['10.1.1.1:1'],
    contextFlag: 'other',
    env: both,
  })
  const byContext = await resolveTarget({...nothing, contextFlag: 'other', env: both})
  const byEndpoints = await resolveTarget({...nothing, env: both})
  const byNamed = await resolveTarget({...nothing, env: {...env, RAFTCTL_CONTEXT: 'named'}})
  const byCurrent = await resolveTarget({...nothing, env})

  expect([byEndpoint, byContext, byEndpoints, byNamed, byCurrent]).toMatchObject([
    {endpoints: ['10.1.1.1:1'], context: undefined, clusterId: undefined},
    {endpoints: ['other:7400'], context: 'other', clusterId: 'id-other'},
    {endpoints: ['10.9.9.9:1', '10.9.9.8:1'], context: undefined},
    {endpoints: ['named:7400'], context: 'named'},
    {endpoints: ['current:7400'], context: 'current'},
  ])
})

test('without any cluster the way to one is shown', async () => {
  const env = {HOME: await temporaryDirectory()}

  await expect(resolveTarget({...nothing, env})).rejects.toMatchObject({
    code: 'RAFTCTL_CONTEXT_NOT_FOUND',
    hint: expect.stringContaining('raftctl init'),
  })
})

test('an unknown context is named, with those there are', async () => {
  const env = await withContexts('a', 'b')

  await expect(resolveTarget({...nothing, contextFlag: 'c', env})).rejects.toMatchObject({
    code: 'RAFTCTL_CONTEXT_NOT_FOUND',
    message: 'there is no context "c"',
    hint: 'Contexts are: a, b.',
  })
})

for (const text of [
  '',
  'host',
  ':1',
  'host:',
  'host:0',
  'host:65536',
  'a b:1',
  '-h:1',
  'http://h:1',
]) {
  test(`"${text}" is no endpoint`, () => {
    expect(() => checkEndpoint(text)).toThrow(expect.objectContaining({code: 'RAFTCTL_USAGE'}))
  })
}

for (const text of ['127.0.0.1:1', 'localhost:65535', '[::1]:7400', 'node-1.example.org:7400']) {
  test(`"${text}" is an endpoint`, () => {
    expect(checkEndpoint(text)).toBe(text)
  })
}

const reach = [
  {endpoint: '127.0.0.1:1', loopback: true},
  {endpoint: '127.9.9.9:1', loopback: true},
  {endpoint: '[::1]:1', loopback: true},
  {endpoint: 'localhost:1', loopback: true},
  {endpoint: '0.0.0.0:1', loopback: false},
  {endpoint: '[::]:1', loopback: false},
  {endpoint: '127.0.0.1.example.org:1', loopback: false},
  {endpoint: '10.0.0.1:1', loopback: false},
]

for (const {endpoint, loopback} of reach) {
  test(`${endpoint} is ${loopback ? 'only' : 'not only'} for this machine`, () => {
    expect(isLoopback(endpoint)).toBe(loopback)
  })
}

/** Remote contexts of these names, the first being the current one. */
async function withContexts(...names: string[]) {
  const env = {HOME: await temporaryDirectory()}
  for (const name of names) {
    const endpoints = [`${name}:7400`]
    await putContext(env, {kind: 'remote', name, endpoints, clusterId: `id-${name}`})
  }
  return env
}
