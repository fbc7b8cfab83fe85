// A plugin of the protocol buffer compiler: leaves the descriptors of all files beside the generated
// code, for reflection. Comments of the .proto files are left out.
import {buffer} from 'node:stream/consumers'
import {clearField, create, fromBinary, toBinary} from '@bufbuild/protobuf'
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
  FileDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'

const request = fromBinary(CodeGeneratorRequestSchema, await buffer(process.stdin))
const rows = request.protoFile.map(file => {
  clearField(file, FileDescriptorProtoSchema.field.sourceCodeInfo)
  const bytes = toBinary(FileDescriptorProtoSchema, file)
  return `  ${JSON.stringify(file.name)}: ${JSON.stringify(Buffer.from(bytes).toString('base64'))},`
})
const content = [
  '// Generated; not to be edited.',
  '',
  '/** By the name of the .proto file: its FileDescriptorProto, in base64. */',
  'export const DESCRIPTORS: Readonly<Record<string, string>> = {',
  ...rows,
  '}',
  '',
].join('\n')
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL),
  file: [{name: 'descriptors.ts', content}],
})
process.stdout.write(toBinary(CodeGeneratorResponseSchema, response))
