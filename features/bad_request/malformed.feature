Feature: Malformed messages
  The server also answers a message that it cannot understand. So the author of the agent can see what is wrong, and
  the agent does not send the message again.

  Background:
    Given an agent that has reported its full status

  Rule: A malformed message gets an error_response

    @SHOULD @bad-request.respond.not-protobuf
    Scenario: The body is not protobuf
      When the agent sends bytes that are not protobuf
      Then the response is an error_response

    @SHOULD @bad-request.respond.cut-short
    Scenario: The message is cut short
      When the agent sends its full status cut short
      Then the response is an error_response

    @transport.http @SHOULD @bad-request.respond.broken-gzip
    Scenario: The gzip body is broken
      When the agent sends its full status as broken gzip
      Then the response is an error_response

    @transport.http @SHOULD @bad-request.respond.gzip-cut-short
    Scenario: The gzip body is cut short
      When the agent sends its full status as gzip cut short
      Then the response is an error_response

    @SHOULD @bad-request.respond.uid-length
    Scenario Outline: The instance_uid has <length> bytes
      When the agent reports its full status with an instance_uid of <length> bytes
      Then the response is an error_response

      Examples:
        | length |
        | 0      |
        | 8      |
        | 15     |
        | 17     |
        | 26     |

    @SHOULD @bad-request.respond.uid-length-with-flag
    Scenario Outline: The instance_uid has <length> bytes and the message has the RequestInstanceUid flag
      When the agent asks for a new instance_uid with an instance_uid of <length> bytes
      Then the response is an error_response

      Examples:
        | length |
        | 0      |
        | 8      |
        | 15     |
        | 17     |
        | 26     |

  Rule: The error says that the message was malformed

    @MUST @bad-request.type.not-protobuf
    Scenario: The error about bytes that are not protobuf is a BadRequest
      Given the agent's bytes that are not protobuf were answered with an error_response
      Then the error is a BadRequest

    @MUST @bad-request.type.uid-length
    Scenario: The error about a malformed instance_uid is a BadRequest
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error is a BadRequest

    @transport.http @MUST @bad-request.type.broken-gzip
    Scenario: The error about a broken gzip body is a BadRequest
      Given the agent's broken gzip was answered with an error_response
      Then the error is a BadRequest

    @SHOULD @bad-request.message.not-protobuf
    Scenario: The error about bytes that are not protobuf is readable
      Given the agent's bytes that are not protobuf were answered with an error_response
      Then the error has a readable error_message

    @SHOULD @bad-request.message.uid-length
    Scenario: The error about a malformed instance_uid is readable
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error has a readable error_message

    @transport.http @SHOULD @bad-request.message.broken-gzip
    Scenario: The error about a broken gzip body is readable
      Given the agent's broken gzip was answered with an error_response
      Then the error has a readable error_message

    @implied @error.excludes-other-fields.uid-length @error.absent-with-other-fields
    Scenario: The error about a malformed instance_uid has no other content
      Given the agent's malformed instance_uid was answered with an error_response
      Then the message has no other content than the error

    @implied @error.retry-info-only-unavailable
    Scenario: The error about a malformed instance_uid does not ask for a retry
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error has no retry_info
