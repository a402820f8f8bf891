<?php

declare(strict_types=1);

namespace Plugin\Renkei\GraphQL;

use Eccube\Repository\BaseInfoRepository;
use GraphQL\Type\Definition\ObjectType;
use GraphQL\Type\Definition\Type;
use Plugin\Api42\GraphQL\Query;

/**
 * renkeiPointRules: how EC-CUBE handles points by itself (基本設定), which no query of its own shows.
 */
class PointRulesQuery implements Query
{
    private BaseInfoRepository $baseInfoRepository;

    public function __construct(BaseInfoRepository $baseInfoRepository)
    {
        $this->baseInfoRepository = $baseInfoRepository;
    }

    public function getName()
    {
        return 'renkeiPointRules';
    }

    public function getQuery()
    {
        return [
            'type' => new ObjectType([
                'name' => 'RenkeiPointRules',
                'fields' => [
                    'option_point' => Type::nonNull(Type::boolean()),
                    'basic_point_rate' => Type::nonNull(Type::float()),
                    'point_conversion_rate' => Type::nonNull(Type::float()),
                ],
            ]),
            'resolve' => function (): array {
                $BaseInfo = $this->baseInfoRepository->get();

                return [
                    'option_point' => (bool) $BaseInfo->isOptionPoint(),
                    'basic_point_rate' => (float) $BaseInfo->getBasicPointRate(),
                    'point_conversion_rate' => (float) $BaseInfo->getPointConversionRate(),
                ];
            },
        ];
    }
}
