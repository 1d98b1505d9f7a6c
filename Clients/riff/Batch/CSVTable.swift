/// A table of RFC 4180: cells with commas between, and quotation marks around those that have commas, line
/// breaks or quotation marks, which are doubled.
struct CSVTable {
  struct Row: Equatable {
    /// Where it begins, from 1.
    var line: Int
    var cells: [String]
  }

  struct Failure: Error {
    var line: Int
    var message: String
  }

  /// Without empty ones.
  private(set) var rows: [Row] = []

  /// - Throws: ``Failure`` where a quotation mark is not closed, or text follows one.
  init(_ text: String) throws(Failure) {
    var line = 1
    var row = Row(line: 1, cells: [])
    var cell = ""
    var isQuoted = false
    var wasQuoted = false
    // A byte order mark, as spreadsheets write it, is not part of the first name.
    var rest = text[...]
    if rest.first == "\u{FEFF}" { rest.removeFirst() }

    func endCell() {
      row.cells.append(cell)
      cell = ""
      wasQuoted = false
    }
    while let character = rest.popFirst() {
      let isBreak = character.isNewline
      if isBreak { line += 1 }
      if isQuoted {
        guard character == "\"" else {
          cell.append(character)
          continue
        }
        if rest.first == "\"" {
          cell.append("\"")
          rest.removeFirst()
        } else {
          isQuoted = false
          wasQuoted = true
        }
      } else if character == "," {
        endCell()
      } else if isBreak {
        endCell()
        if row.cells != [""] { self.rows.append(row) }
        row = Row(line: line, cells: [])
      } else if character == "\"", cell.isEmpty, !wasQuoted {
        isQuoted = true
      } else if wasQuoted {
        throw Failure(line: line, message: "text follows a closing quotation mark")
      } else {
        cell.append(character)
      }
    }
    guard !isQuoted else {
      throw Failure(line: row.line, message: "a quotation mark is not closed")
    }
    endCell()
    if row.cells != [""] { self.rows.append(row) }
  }
}
