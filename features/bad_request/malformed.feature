Feature: Malformed messages
  A message that cannot be understood is answered all the same, so that the agent's author learns
  what is wrong, and the agent does not send it again.

  Background:
    Given an agent that has reported its full status

  Rule: A malformed message gets an error_response

    @SHOULD @bad-request.respond
    Scenario: A body that is not protobuf
      When the agent sends bytes that are not protobuf
      Then the response is an error_response

    @SHOULD @bad-request.respond
    Scenario: A message that is cut short
      When the agent sends its full status cut short
      Then the response is an error_response

    @transport.http @SHOULD @bad-request.respond
    Scenario: An empty body
      When the agent sends an empty body
      Then the response is an error_response

    @transport.http @SHOULD @bad-request.respond
    Scenario: A gzip body that is broken
      When the agent sends its full status as broken gzip
      Then the response is an error_response

    @transport.http @SHOULD @bad-request.respond
    Scenario: A gzip body that is cut short
      When the agent sends its full status as gzip cut short
      Then the response is an error_response

    @SHOULD @bad-request.respond
    Scenario Outline: An instance_uid of <length> bytes
      When the agent reports its full status under an instance_uid of <length> bytes
      Then the response is an error_response

      Examples:
        | length |
        | 0      |
        | 8      |
        | 15     |
        | 17     |
        | 26     |

    @SHOULD @bad-request.respond
    Scenario Outline: An instance_uid of <length> bytes with the RequestInstanceUid flag
      When the agent asks for a new instance_uid under one of <length> bytes
      Then the response is an error_response

      Examples:
        | length |
        | 0      |
        | 8      |
        | 15     |
        | 17     |
        | 26     |

  Rule: The error says that the message was bad

    @MUST @bad-request.type
    Scenario: The error about bytes that are not protobuf is a BadRequest
      Given the agent's bytes that are not protobuf were answered with an error_response
      Then the error is a BadRequest

    @MUST @bad-request.type
    Scenario: The error about a malformed instance_uid is a BadRequest
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error is a BadRequest

    @SHOULD @bad-request.message
    Scenario: The error about bytes that are not protobuf is readable
      Given the agent's bytes that are not protobuf were answered with an error_response
      Then the error describes the problem

    @SHOULD @bad-request.message
    Scenario: The error about a malformed instance_uid is readable
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error describes the problem

    @implied @error.excludes-other-fields @error.absent-with-other-fields
    Scenario: The error about a malformed instance_uid stands alone
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error stands alone

    @implied @error.retry-info-only-unavailable
    Scenario: The error about a malformed instance_uid does not ask to retry
      Given the agent's malformed instance_uid was answered with an error_response
      Then the error asks for no retry
