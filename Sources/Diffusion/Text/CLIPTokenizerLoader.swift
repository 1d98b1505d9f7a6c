/// Reads `tokenizer/` as transformers' `CLIPTokenizer.from_pretrained` does: the encoding
/// (``BytePairFiles``), `tokenizer_config.json`, and, where that does not list the added tokens,
/// the older `special_tokens_map.json` and `added_tokens.json`. Or makes the tokenizer of a checkpoint
/// that brings none.
package struct CLIPTokenizerLoader {
  /// Where the files lie; for messages, where there are none.
  package let folder: String
  /// What prompts are filled up with in CLIP's own; nil where files say so.
  private let padding: String?

  package init(folder: String) {
    self.folder = folder
    padding = nil
  }

  /// CLIP's own, which fills prompts up with `padding`: `<|endoftext|>` in Stable Diffusion 1, `!` in
  /// Stable Diffusion 2.
  package init(padding: String) {
    folder = "CLIP's vocabulary"
    self.padding = padding
  }

  /// `maximumLength` and `vocabularySize` are the text encoder's; no encoding exceeds them.
  package func load(
    maximumLength: Int, vocabularySize: Int
  ) throws(DiffusionError) -> CLIPTokenizer {
    let settings = try optional("tokenizer_config.json")
    let list = try settings?.object("added_tokens_decoder")
    let map = list == nil ? try optional("special_tokens_map.json") : nil
    let configs = [map, settings].compactMap { $0 }

    let files =
      padding == nil
      ? try BytePairFiles(folder: folder, unknownToken: named("unk_token", configs).content)
      : try BytePairFiles()
    var table = AddedTokenTable(folder: folder, encoding: files.encoding)
    let listed = if let list { try tokens(of: list) } else { try files.added + older(configs) }
    for (token, number) in listed.sorted(by: { $0.number < $1.number }) {
      try table.list(token, number: number)
    }
    let begin = try table.add(named("bos_token", configs))
    let end = try table.add(named("eos_token", configs))
    _ = try table.add(named("unk_token", configs))
    let padding = try table.add(named("pad_token", configs))
    for token in try extra(configs) { _ = try table.add(token) }

    let largest = max(files.encoding.largestToken, table.tokens.map(\.token).max() ?? 0)
    guard largest < vocabularySize else {
      throw .checkpoint(
        folder, "holds token \(largest), but the text encoder has vocab_size \(vocabularySize)")
    }
    let wanted = try settings?.double("model_max_length", default: 77) ?? 77
    let length = wanted < Double(maximumLength) ? Int(max(wanted, 0)) : maximumLength
    guard length >= 3 else {
      throw .checkpoint(folder, "model_max_length is \(wanted); at least 3 is needed")
    }
    return CLIPTokenizer(
      encoding: files.encoding, begin: begin, end: end, padding: padding, added: table.tokens,
      length: length)
  }

  private func optional(_ name: String) throws(DiffusionError) -> ConfigReader? {
    if let padding {
      return name == "special_tokens_map.json" ? ownTokens(padding: padding) : nil
    }
    let path = "\(folder)/\(name)"
    return CheckpointFile.exists(path)
      ? try ConfigReader(path: path, limit: BytePairFiles.largestFile) : nil
  }

  /// `special_tokens_map.json` of Stable Diffusion's tokenizers.
  private func ownTokens(padding: String) -> ConfigReader {
    func token(_ content: String) -> JSONValue {
      .object(
        JSONObject(members: [
          ("content", .string(content)), ("lstrip", .bool(false)), ("normalized", .bool(true)),
          ("rstrip", .bool(false)), ("single_word", .bool(false)),
        ]))
    }
    return ConfigReader(
      file: folder,
      object: JSONObject(members: [
        ("bos_token", token("<|startoftext|>")), ("eos_token", token("<|endoftext|>")),
        ("unk_token", .string("<|endoftext|>")), ("pad_token", .string(padding)),
      ]))
  }

  /// The token of a role, from the first file that names it.
  private func named(
    _ role: String, _ configs: [ConfigReader]
  ) throws(DiffusionError) -> AddedToken {
    for config in configs {
      if let value = config.present(role) {
        return try AddedToken(value, special: true, in: config, role)
      }
    }
    return AddedToken(role == "bos_token" ? "<|startoftext|>" : "<|endoftext|>")
  }

  /// Tokens without a role, by the older and the newer name of their list.
  private func extra(_ configs: [ConfigReader]) throws(DiffusionError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    for config in configs {
      for key in ["additional_special_tokens", "extra_special_tokens"] {
        guard case .array(let list) = config.present(key) else { continue }
        for value in list {
          tokens.append(try AddedToken(value, special: true, in: config, key))
        }
      }
    }
    return tokens
  }

  /// What `added_tokens_decoder` lists.
  private func tokens(
    of list: ConfigReader
  ) throws(DiffusionError) -> [(token: AddedToken, number: Int)] {
    var tokens: [(token: AddedToken, number: Int)] = []
    for (number, value) in list.members {
      guard let number = Int(number) else {
        throw list.failure("added_tokens_decoder", "has the key \(number), which is not a number")
      }
      let token = try AddedToken(value, special: false, in: list, "added_tokens_decoder")
      tokens.append((token, number))
    }
    return tokens
  }

  /// What `added_tokens.json` lists: names and numbers. Those without a role are looked for in the
  /// normalized text.
  private func older(
    _ configs: [ConfigReader]
  ) throws(DiffusionError) -> [(token: AddedToken, number: Int)] {
    guard let file = try optional("added_tokens.json") else { return [] }
    var roles: Set<String> = []
    for role in ["bos_token", "eos_token", "unk_token", "pad_token"] {
      roles.insert(try named(role, configs).content)
    }
    var tokens: [(token: AddedToken, number: Int)] = []
    for (name, _) in file.members {
      let number = try file.integer(name, in: 0...0xFF_FFFF)
      tokens.append((AddedToken(name, normalized: !roles.contains(name)), number))
    }
    return tokens
  }
}
