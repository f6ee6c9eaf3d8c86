@transport.http
Feature: Bodies of requests and responses
  Over plain HTTP, each body is one message. It may be compressed with gzip, in either direction.

  @MUST @http.support-gzip-request.report @http.honour-content-encoding
  Scenario: The server accepts a compressed report
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status compressed with gzip
    Then the server answers without an error

  @MUST @http.support-gzip-request.members @http.honour-content-encoding
  Scenario: The server accepts a report that is compressed in several parts
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status compressed with gzip in 3 members
    Then the server answers without an error

  @MUST @http.support-gzip-request.file-name @http.honour-content-encoding
  Scenario: The server accepts gzip that has the name of a file
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status compressed with gzip that has a file name
    Then the server answers without an error

  @implied @http.content-coding-case
  Scenario: The name of an encoding may be in upper case
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status compressed with gzip, which it calls "GZIP"
    Then the server answers without an error

  @MUST @response.must-respond.no-header
  Scenario: A client need not name its instance_uid in a header
    Given an unknown agent
    When the agent reports its full status without the header OpAMP-Instance-UID
    Then the server answers with a ServerToAgent

  @MUST @http.support-identity-request.chunks
  Scenario: The server accepts a report in chunks
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status in chunks
    Then the server answers without an error

  @implied @http.unknown-content-encoding
  Scenario: A report in an unknown encoding is refused
    Given an agent that has reported its full status
    And an unknown agent
    When the agent reports its full status in the encoding "x-nonesuch"
    Then the request is refused

  @implied @http.response-body.error
  Scenario: An error in gzip says that it is compressed
    When the client sends bytes that are not protobuf and accepts gzip
    Then the response is not gzip without a Content-Encoding

  @implied @http.response-body.check-in
  Scenario: The body of a response is a ServerToAgent
    Given an agent that has reported its full status
    When the agent checks in
    Then the body of the response is a ServerToAgent

  @SHOULD @http.response-compression.accepted
  Scenario Outline: A client that accepts <codings> receives gzip
    Given an unknown agent
    When the agent reports its full status and accepts responses in "<codings>"
    Then the response is compressed with gzip

    Examples:
      | codings  |
      | gzip     |
      | br, gzip |

  @SHOULD @http.response-compression.request
  Scenario: The response to a compressed request is compressed, too
    Given an unknown agent
    When the agent reports its full status compressed with gzip, and accepts gzip
    Then the response is compressed with gzip

  @SHOULD @http.response-compression.offers
  Scenario: A large answer is compressed, too
    Given an agent with every capability
    And the operator has defined offers of every kind for the agent
    When the agent reports its full status and accepts responses in "gzip"
    Then the response is compressed with gzip

  @SHOULD @http.response-compression.error
  Scenario: An error is compressed, too
    When the client sends bytes that are not protobuf and accepts gzip
    Then the error is compressed with gzip

  @SHOULD @http.response-compression.refused
  Scenario: A client that refuses gzip receives no gzip
    Given an unknown agent
    When the agent reports its full status and accepts responses in "identity, gzip;q=0"
    Then the response is not compressed with gzip

  @implied @http.respond-each.several
  Scenario: Each of several requests is answered
    Given an agent that has reported its full status
    When the agent checks in 3 times
    Then the server answers each message

  @implied @http.respond-each.disconnect
  Scenario: The last message of an agent is answered, too
    Given an agent that has reported its full status
    When the agent disconnects
    Then the server answers with a ServerToAgent

  @MUST @http.support-identity-request.after-gzip
  Scenario: An agent that sent a compressed report may send the next one uncompressed
    Given an unknown agent
    And the agent has reported its full status compressed with gzip
    When the agent checks in
    Then the server answers without an error

  @implied @http.server-waits-for-poll
  Scenario: An offer of the operator is in the next response
    Given a server that offers remote configuration
    And an agent with every capability
    And the agent has reported its full status
    And the operator has offered the agent a configuration
    When the agent checks in
    Then the agent is offered a configuration
