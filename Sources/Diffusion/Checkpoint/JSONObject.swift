/// The members of a JSON object in the order of the file; no name occurs twice.
struct JSONObject: Sendable {
  let members: [(name: String, value: JSONValue)]

  subscript(name: String) -> JSONValue? {
    members.first { $0.name == name }?.value
  }
}
